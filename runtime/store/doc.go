// Package store keeps frames: the newest as references to their blocks, the others on disk, all behind one Put and one Get.
//
//	s, err := store.Open(store.Options{Dir: dir, Hot: 32 << 20, Warm: 256 << 20, Pool: loads, Keep: store.Keep{Age: 24 * time.Hour}})
//	id, err := s.Put(buf, time)          hot at once; never waits for the disk
//	f, err := s.Get(ctx, id)             from wherever it is; f.Release() when done
//	for f, err := range s.Range(ctx, from, to) { ...; f.Release() }
//	err = s.Pin("meteor-7", at-5e9, at+10e9)   a clip, with five seconds from before the event
//	err = s.Sync(ctx)                    what was put before is on disk now
//
// # Three tiers
//
// Hot frames are references to live blocks: Put retains the buffer, and copies nothing. [Options].Hot is how many bytes of blocks the store
// may hold, so the pool they come from must have that many beyond what its other users need.
//
// Warm and cold frames are in segments, files that are only ever appended to. Warm ones are as they were put, cold ones compressed, each
// for itself, with zstd; a frame that does not shrink by a sixteenth is stored as it is. When the warm segments are more than Options.Warm
// bytes, the oldest of them is compressed into a new file, which takes its place by a rename.
//
// With [Options].Bucket, compressed segments move on from the folder to object storage, by way of the package bucket below this one; the folder
// keeps the index of each. A segment leaves the folder when the bucket has it and the index is on disk. Nothing but reading what is there
// waits for the network: while the bucket is out of reach segments stay in the folder, as far as Keep.Local goes.
//
// Every frame goes to a warm segment within Options.Flush, also while it is hot, by a goroutine of the store, in the order of Put. When the
// hot tier is full, the oldest frames that are on disk leave it. A frame that is read from disk comes in a buffer of Options.Pool, and stays
// hot for a while, within a quarter of Options.Hot. Who asks for a frame while it is being read gets the same buffer.
//
// So a frame is in at least one tier from Put until its retention ends, unless it is dropped, see below.
//
// # What is acknowledged
//
// Put acknowledges that the frame is hot: Get finds it. If the process dies now it is gone.
//
// Sync, when it returns nil, acknowledges that all frames of earlier Puts are on disk, except those that Put has dropped (Stats tells how
// many): written, the file synced, and its name too. So does [Store.Durable] for all IDs below the one that it returns. After a crash of the
// process or the machine, at any instruction, [Open] finds all these frames, each with the content that its checksum was made of, until
// their retention ends. It may find more: frames that were written and not yet acknowledged. What a crash left unfinished at the end of a
// segment is cut off and reported, see [Store.Recovery].
//
// An [ID] is never used again, also after a crash in which its frame was lost.
//
// # A slow or broken disk
//
// Put and a hot Get never wait for the disk. Frames that are not on disk cannot leave the hot tier: if it is full of them, [FullFail] makes
// Put return [ErrFull], and [FullDrop] drops the oldest of them that is not being written, and counts it. At most a quarter of the hot
// tier is being written at a time.
//
// When a write fails (ENOSPC, EROFS, EIO) the store tries again, with growing pauses, until it succeeds; Sync and Stats tell the error
// meanwhile. After a failed fsync the kernel may have thrown away what it could not write, so what it was for is written again, to a
// new segment.
//
// On a disk that is read-only when the store is opened, or with Options.ReadOnly, the store serves what is there and Put returns [ErrReadOnly].
//
// A frame whose checksum does not match is never returned: Get says [ErrCorrupt], naming the file. The others of that file stay readable,
// also if its index is damaged.
//
// # How long frames stay, and clips
//
// [Keep] limits what is on disk by age, bytes and number; the oldest segments go first. A [Store.Pin] exempts a range of time, to the frame: a
// segment whose retention has ended is written anew with the pinned frames only. Frames whose retention has ended are not hot either. So the clip of an event is the pin from some seconds
// before it to some seconds after it, made when the event is seen: the frames from before are there still, those to come are kept when they
// come. Pins are files, which survive the process. [Store.Export] writes a clip to a file of its own, which [ReadClip] reads, and
// [Store.ExportFolder] each frame to one.
//
// # Who owns the memory
//
// Put takes a reference of its own; the caller keeps the one it had, and neither may write to the block from now on. Get and Range give a
// reference, which the caller releases. Close gives back all that the store holds.
package store
