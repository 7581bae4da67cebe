// Package ipc will move frames between processes without a copy. So far it holds the protocol, below, and a test that goes through every
// interleaving of it with a process killed before any step; package stream is the older socket protocol, which copies.
//
// # The protocol
//
// One publisher and up to 30 readers share an arena of package pool and a control region. Every word that two processes use is 32 bits.
//
//   - Each block has a holder word: bit 0 is the publisher's, bit i+1 reader i's. A block with no bit is free; the publisher claims one by a
//     compare-and-swap from 0 to its own bit, and then counts the block's generation up, which nobody else writes.
//   - Each reader has a row, a page of its own, with one word a block: generation, closing, and how many references this process has. Retain and
//     release within the process touch this word only.
//   - Each reader has a ring of slots. A slot's word is lap, state and block; its frame number, length and timestamps stand beside it and
//     are written while the state is empty.
//
// To publish a block the publisher, for each reader: sets the reader's bit in the holder word; writes the slot's description; sets the slot to
// full in this lap; moves the tail. Then it clears its own bit. If the slot is still full it takes it back first: a compare-and-swap from full
// to dropped, the reader's bit cleared, the loss counted, the slot empty. If the slot is taken the new frame is the one that is lost.
//
// A reader takes the slot of its turn by a compare-and-swap from full to taken, of that lap and block; writes its row; sets the slot to empty.
// The last release sets the row to closing, clears the bit in the holder word, and takes the row from closing back to 0 by a compare-and-swap
// that fails if the block has come again meanwhile. A reader whose turn's slot is of this lap but empty or dropped, or of a later lap, has
// missed that frame, which the publisher has counted.
//
// # When a process dies
//
// The kernel tells who is gone, by a pidfd and the process's start time, never a time-out. A dead reader is buried by the publisher: its bit is
// cleared in every holder word, its row and ring are emptied, its place is free. A dead publisher leaves the readers what they have. Its
// successor, which a lock in the kernel makes the only one, repeats what was begun: slots that are dropped are let go of and counted; a
// tail that was not moved is moved; and a reader's bit that the reader does not know of is cleared. A reader knows of a block that is in its
// ring, full or taken, or whose row has the block's generation now. The ring is looked at before the row, because frames go from the
// ring into the row. Then the dead publisher's own bit is cleared everywhere. Each step may be done twice, so a successor may die over it.
//
// Two orders look harmless and are not; the test has both. If the row were empty before the bit is cleared, a successor would clear the bit, give
// the block out again, and the reader's late clearing would hit the new frame. If a closing row did not carry the generation, a bit that
// the publisher had set again just before it died would pass for known, and the block would be lost for good.
package ipc
