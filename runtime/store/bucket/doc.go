// Package bucket puts the cold tier of a store into object storage: any that gocloud.dev/blob has a driver for.
//
//	import _ "gocloud.dev/blob/s3blob" // or gcsblob, azureblob: only what a program imports is linked
//
//	b, err := bucket.Open(ctx, "s3://frames?region=eu-central-1&prefix=camera-7/")
//	s, err := store.Open(store.Options{Dir: dir, Pool: loads, Hot: 32 << 20, Warm: 256 << 20, Bucket: b,
//		Keep: store.Keep{Age: 30 * 24 * time.Hour, Local: 4 << 30}})
//	...
//	err = errors.Join(s.Close(), b.Close())
//
// Compressed segments go to the bucket and leave the folder, which keeps the index of each: so opening a store, and looking for frames by time,
// does not need the network, and reading a frame asks for the bytes of that frame only. While the bucket is out of reach everything goes on in
// the folder, within [store.Keep].Local; frames that are in the bucket come back as errors then, and [store.Stats] tells why.
//
// The part of a bucket that a store is given, such as by prefix, must not be given to another. A new folder, as on a new disk, takes over what it has.
//
// Drivers for files are here too, as file:///mnt/nas/frames: for disks of other machines that are mounted. On its own disk a store needs no bucket.
//
// It is a package of its own because it links an HTTP client and more, which a store without a bucket does not need.
package bucket
