// Package adapt gives pool buffers the shapes that other packages ask for: a [Chain] of blocks is an io.Reader, io.Writer, io.ReaderFrom and
// io.WriterTo, and a net.Buffers for writev; [Log], [LogBuf] and [Var] are for log/slog and expvar; [Each] makes an iterator of any receive call.
// Package grpcmem, beside it, is a buffer pool for gRPC.
//
//	c := adapt.NewChain(blocks)
//	defer c.Close()
//	_, err := c.ReadFrom(file)   // straight into blocks
//	_, err = c.WriteTo(conn)     // by writev, straight out of them
//
// To read one buffer, bytes.NewReader(b.Bytes()) is all that is needed.
//
// # Who owns the memory
//
// A chain owns a reference to each of its blocks. It takes blocks from its pool as it is written to, gives each back as soon as it is read to
// its end, and the rest at Close. A slice that it shows is valid until the next method call.
package adapt
