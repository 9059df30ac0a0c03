package call

// SameTransport reports whether two clients share their connections.
func SameTransport(a, b *Client) bool { return a.transport == b.transport }
