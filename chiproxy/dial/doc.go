// Package dial decides which addresses may be dialled, at the moment of dialling, since a name may resolve differently each time.
//
// Parse makes a Policy of the words of a configuration, Policy.Resolve turns an address into those that may be dialled now, and
// Transport is a transport of reverse_proxy that asks it. Caddy's own admin endpoint is in no policy.
package dial
