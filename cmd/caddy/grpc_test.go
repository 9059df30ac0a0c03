//go:build !race

// The race detector would find, now and then, a race of Caddy's: bodyNopCloserIfNotRead of its reverse_proxy counts what is read of
// a body, and the transport of HTTP/2 may close the body at the same moment.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// greeter is a gRPC service, written by hand: texts in, texts out.
type greeter struct {
	proceed chan struct{} // one for each answer of Count after the first
}

// Greet is unary. It fails where there is no name.
func (*greeter) greet(ctx context.Context, name string) (string, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs("x-head", "first"))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trail", "last", "x-trail-bin", "\x00\xff"))
	if name == "" {
		return "", status.Error(codes.InvalidArgument, "no name, été")
	}
	return fmt.Sprintf("hello %s, %v %v", name, md["x-client"], md["x-lua"]), nil
}

// count answers three times, each when the one before was read.
func (g *greeter) count(name string, s grpc.ServerStream) error {
	s.SetTrailer(metadata.Pairs("x-trail", "last"))
	for i := range 3 {
		if i > 0 {
			select {
			case <-g.proceed:
			case <-s.Context().Done():
				return s.Context().Err()
			}
		}
		if err := s.SendMsg(wrapperspb.String(fmt.Sprintf("%s %d", name, i))); err != nil {
			return err
		}
	}
	return status.Error(codes.OutOfRange, "there are no more")
}

// chat answers each message when it comes.
func (*greeter) chat(s grpc.ServerStream) error {
	s.SetTrailer(metadata.Pairs("x-trail", "last"))
	for {
		in := new(wrapperspb.StringValue)
		if err := s.RecvMsg(in); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.SendMsg(wrapperspb.String("re: " + in.Value)); err != nil {
			return err
		}
	}
}

var greeterService = grpc.ServiceDesc{
	ServiceName: "test.Greeter",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Greet", Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := decode(in); err != nil {
			return nil, err
		}
		answer, err := srv.(*greeter).greet(ctx, in.Value)
		return wrapperspb.String(answer), err
	}}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Count", ServerStreams: true, Handler: func(srv any, s grpc.ServerStream) error {
			in := new(wrapperspb.StringValue)
			if err := s.RecvMsg(in); err != nil {
				return err
			}
			return srv.(*greeter).count(in.Value, s)
		}},
		{StreamName: "Chat", ServerStreams: true, ClientStreams: true, Handler: func(srv any, s grpc.ServerStream) error { return srv.(*greeter).chat(s) }},
	},
}

// grpcWorld starts Caddy in front of a gRPC server, and returns a client of it.
func grpcWorld(t *testing.T) (c *e2e.Caddy, client *grpc.ClientConn, service *greeter) {
	service = &greeter{make(chan struct{})}
	server := grpc.NewServer()
	server.RegisterService(&greeterService, service)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c = e2e.New(t)
	t.Cleanup(server.Stop)
	go func() { _ = server.Serve(l) }()
	c.Set("grpc", l.Addr().String())
	return c, grpcFront(t, c, grpcScript), service
}

// grpcFront starts Caddy with a script, and returns a client of it.
func grpcFront(t *testing.T, c *e2e.Caddy, script string) *grpc.ClientConn {
	t.Helper()
	c.File("main.lua", script)
	c.Options = localCerts
	c.Start("https://localhost {\nluaroute {\nscript $dir/main.lua\n}\n}")
	trustLocalCA(t, c)
	client, err := grpc.NewClient(c.Expand("localhost:$tls"),
		grpc.WithTransportCredentials(credentials.NewTLS(c.Client.Transport.(*http.Transport).TLSClientConfig.Clone())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// grpcScript tells the ways apart by metadata.
const grpcScript = `
	local route = require("luaroute")
	route:pool("grpc", { "$grpc", transport = { protocol = "http", versions = { "h2c", "2" } } })
	local function mark(req) req:set_header("X-Lua", "lua") end
	local function hook(req, res)
	  res:on_headers(function(res) res.headers["X-Hook"] = res.headers["Content-Type"] end)
	end
	local function around(req, res, next)
	  res.headers["X-Around"] = req.proto
	  assert(pcall(next))
	  print("over: " .. req.path)
	end
	local function way(name) return { when = { header = { ["X-Way"] = name } } } end
	route:post("/test.Greeter/*", way("data"), "grpc")
	route:with(mark, hook):post("/test.Greeter/*", way("before"), "grpc")
	route:with(mark, around):post("/test.Greeter/*", way("around"), "grpc")
	route:with(mark, around, hook, around):post("/test.Greeter/*", way("deep"), function() return "grpc" end)
	route:with(function() return 200, "", { ["Content-Type"] = "application/grpc", ["Grpc-Status"] = "16", ["Grpc-Message"] = "who are you" } end)
	  :post("/test.Greeter/*", way("refused"), "grpc")
`

// grpcWays are the ways, and what is on them.
var grpcWays = []struct {
	name              string
	lua, hook, around string
}{
	{"data", "[]", "", ""},
	{"before", "[lua]", "application/grpc", ""},
	{"around", "[lua]", "", "HTTP/2.0"},
	{"deep", "[lua]", "application/grpc", "HTTP/2.0"},
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func TestGRPCPassesThroughMiddleware(t *testing.T) {
	c, client, service := grpcWorld(t)
	for _, way := range grpcWays {
		t.Run(way.name, func(t *testing.T) {
			ctx := e2e.Context(t)
			ctx = metadata.AppendToOutgoingContext(ctx, "x-way", way.name, "x-client", "ada")
			check := func(head, trail metadata.MD) {
				t.Helper()
				if first(head["x-hook"]) != way.hook || first(head["x-around"]) != way.around || first(trail["x-trail"]) != "last" {
					t.Errorf("the header is %v, the trailer %v", head, trail)
				}
			}

			t.Run("unary", func(t *testing.T) {
				var head, trail metadata.MD
				out := new(wrapperspb.StringValue)
				err := client.Invoke(ctx, "/test.Greeter/Greet", wrapperspb.String("Bob"), out, grpc.Header(&head), grpc.Trailer(&trail))
				if want := "hello Bob, [ada] " + way.lua; err != nil || out.Value != want {
					t.Errorf("got %q, %v; want %q", out.Value, err, want)
				}
				if check(head, trail); first(head["x-head"]) != "first" || first(trail["x-trail-bin"]) != "\x00\xff" {
					t.Errorf("the header is %v, the trailer %v", head, trail)
				}
			})
			t.Run("a status", func(t *testing.T) {
				var head, trail metadata.MD
				err := client.Invoke(ctx, "/test.Greeter/Greet", wrapperspb.String(""), new(wrapperspb.StringValue), grpc.Header(&head), grpc.Trailer(&trail))
				if s := status.Convert(err); s.Code() != codes.InvalidArgument || s.Message() != "no name, été" {
					t.Errorf("got %v", err)
				}
				check(head, trail)
			})
			t.Run("a stream", func(t *testing.T) {
				s, err := client.NewStream(ctx, &greeterService.Streams[0], "/test.Greeter/Count")
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(s.SendMsg(wrapperspb.String("n")), s.CloseSend()); err != nil {
					t.Fatal(err)
				}
				for i := range 3 {
					out := new(wrapperspb.StringValue)
					if err := s.RecvMsg(out); err != nil || out.Value != fmt.Sprintf("n %d", i) {
						t.Fatalf("message %d is %q, %v", i, out.Value, err)
					}
					if i < 2 {
						service.proceed <- struct{}{} // the server has waited until here
					}
				}
				if err := s.RecvMsg(new(wrapperspb.StringValue)); status.Code(err) != codes.OutOfRange {
					t.Errorf("the stream ends with %v", err)
				}
				head, err := s.Header()
				if err != nil {
					t.Error(err)
				}
				check(head, s.Trailer())
			})
			t.Run("both directions", func(t *testing.T) {
				s, err := client.NewStream(ctx, &greeterService.Streams[1], "/test.Greeter/Chat")
				if err != nil {
					t.Fatal(err)
				}
				for i := range 10 {
					text, out := fmt.Sprintf("message %d", i), new(wrapperspb.StringValue)
					if err := s.SendMsg(wrapperspb.String(text)); err != nil {
						t.Fatal(err)
					}
					if err := s.RecvMsg(out); err != nil || out.Value != "re: "+text {
						t.Fatalf("got %q, %v", out.Value, err)
					}
				}
				if err := s.CloseSend(); err != nil {
					t.Error(err)
				}
				if err := s.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) {
					t.Errorf("the stream ends with %v", err)
				}
				head, err := s.Header()
				if err != nil {
					t.Error(err)
				}
				check(head, s.Trailer())
			})
		})
	}
	e2e.Until(t, "the wrappers go on", func() bool { return c.Logged("over: /test.Greeter/") == 3*4 })
}

func TestMiddlewareRefusesAGRPCCall(t *testing.T) {
	_, client, _ := grpcWorld(t)
	ctx := e2e.Context(t)
	ctx = metadata.AppendToOutgoingContext(ctx, "x-way", "refused")
	err := client.Invoke(ctx, "/test.Greeter/Greet", wrapperspb.String("Bob"), new(wrapperspb.StringValue))
	if s := status.Convert(err); s.Code() != codes.Unauthenticated || s.Message() != "who are you" {
		t.Errorf("got %v", err)
	}
}
