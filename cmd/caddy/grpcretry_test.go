//go:build !race

package main

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// A call that a gRPC server refuses has its status in the header, where retry sees it. That of one that has begun is in the trailers, too late for
// another try: the client gets it as it is.
func TestACallOfGRPCIsTriedAgainByItsStatus(t *testing.T) {
	c := e2e.New(t)
	var refused atomic.Int32
	serve := func(name string, server *grpc.Server) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		go func() { _ = server.Serve(l) }()
		c.Set(name, l.Addr().String())
	}
	serve("away", grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		refused.Add(1)
		in := new(wrapperspb.StringValue)
		if err := s.RecvMsg(in); err != nil {
			return err
		}
		if in.Value == "begun" {
			if err := s.SendMsg(wrapperspb.String("half")); err != nil {
				return err
			}
		}
		s.SetTrailer(metadata.Pairs("x-trail", "of the first"))
		return status.Error(codes.Unavailable, "away")
	})))
	good := grpc.NewServer()
	good.RegisterService(&greeterService, &greeter{make(chan struct{})})
	serve("good", good)
	client := grpcFront(t, c, `
		local route = require("luaroute")
		route:pool("grpc", { "$away", "$good", retries = 1, request_buffers = 1048576, transport = { protocol = "http", versions = { "h2c", "2" } },
		  select = function(req, up) return up:least("index") end,
		  retry = function(req, try) return try.headers and try.headers["Grpc-Status"] == "14" end })
		route:post("/test.Greeter/*", "grpc")
	`)
	for name, want := range map[string]struct {
		answer, trail string
		code          codes.Code
	}{
		"ann":                        {"hello ann, [] []", "last", codes.OK},
		strings.Repeat("x", 100_000): {"hello " + strings.Repeat("x", 100_000) + ", [] []", "last", codes.OK},
		"":                           {"", "last", codes.InvalidArgument},
		"begun":                      {"", "of the first", codes.Unavailable},
	} {
		before := refused.Load()
		var trailer metadata.MD
		out := new(wrapperspb.StringValue)
		err := client.Invoke(t.Context(), "/test.Greeter/Greet", wrapperspb.String(name), out, grpc.Trailer(&trailer), grpc.WaitForReady(false))
		if status.Code(err) != want.code || err == nil && out.Value != want.answer || strings.Join(trailer["x-trail"], ",") != want.trail {
			t.Errorf("%.20q: %.50q %v, trailers %v", name, out.Value, err, trailer)
		}
		if n := refused.Load() - before; n != 1 {
			t.Errorf("%.20q: the first was asked %d times", name, n)
		}
	}
}
