// Package call asks other servers by HTTP: for the library `http` of scripts, and for Go code that needs an answer from an address which a
// script or its client may have chosen.
//
//	client, err := call.New(call.Rules{Allow: []string{"10.0.0.0/8"}})
//	...
//	defer client.Close()
//	answer, err := client.Get(ctx, "https://idp.example/keys", 1<<20, nil)
//
// What may be dialled is judged between the lookup of a name and the connection, at every dial, so neither a redirect nor a name that resolves
// differently the next time gets around it. Every answer is bounded in time, in the size of its header, and in the size of its body as it is
// after decompression. All clients of the same Rules share their connections, also across reloads.
//
// The errors are those of an *Error, whose Kind is stable, or the cause of the caller's own context.
package call
