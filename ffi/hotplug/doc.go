// Package hotplug tells of cameras and sound cards that come and go, from the kernel's own messages: netlink's kobject
// uevents. It needs no C library, no udev and no privilege, and works with CGO_ENABLED=0.
//
// [Watch] listens for the subsystems [Video] and [Sound], or those it is given; [Watcher.Next] returns the [Event]s one by
// one. [List] names the devices that are there. A program that must miss nothing watches first and lists then:
//
//	w, err := hotplug.Watch()
//	devices, err := hotplug.List()
//	for {
//		e, err := w.Next(ctx)
//		if errors.Is(err, hotplug.ErrOverrun) {
//			devices, err = hotplug.List() // the kernel dropped events
//			continue
//		}
//		...
//	}
//
// # What an event means
//
// The kernel sends [Add] for each node of a device: a camera has a video node and often one for metadata besides, a sound
// card one for the card itself, which has no file in /dev, and one for each PCM and the rest. The control node,
// /dev/snd/controlC0, comes last (SNDRV_DEV_CONTROL in the kernel's sound/core.h): with it the card is whole. The kernel makes
// the file in /dev before it sends Add; where udev runs, it sets the file's owner and mode a moment later, so that a program
// which is not root may see EACCES at first and should try again.
//
// [Remove] comes when the driver has let the node go. A device that is open stays usable until it is closed, with errors.
//
// # Who is believed
//
// Only the kernel: messages from other senders are dropped and counted in [Stats], and so are messages that
// are malformed. A name is only returned if it stays below /dev.
//
// Containers with a user namespace of their own get no events of devices from the kernel, and no error either.
//
// # Who owns the memory
//
// Events and devices are values; nothing refers to the watcher's memory, which Close frees.
package hotplug
