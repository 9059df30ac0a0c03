package capability

import (
	"context"
	"sync/atomic"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/luaroute/caddy-luaroute/chiproxy/interrupt"
)

// callsPerCheck is how many calls of functions an expression makes between two checks: some ten microseconds. Every step of a loop makes one.
const callsPerCheck = 64

// interruptible lets the evaluation of an expression end with its request, and lets others go first. Caddy evaluates without a context, so
// CEL's own way to do that does not work.
func interruptible() cel.ProgramOption {
	calls := new(atomic.Uint32) // of all evaluations of the program: they need not be counted each
	return cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if call, ok := i.(interpreter.InterpretableCall); ok {
			return interruptibleCall{call, calls}, nil
		}
		return i, nil
	})
}

// interruptibleCall is a call of a function in an expression.
type interruptibleCall struct {
	interpreter.InterpretableCall
	calls *atomic.Uint32
}

// Exec calls the function. The end of an evaluation is a panic in CEL, too: an error would be a value that loops continue with.
func (c interruptibleCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	if c.calls.Add(1)%callsPerCheck == 0 {
		if err := check(frame); err != nil {
			panic(interpreter.EvalCancelledError{Message: "operation cancelled: " + err.Error(), Cause: interpreter.ContextCancelled})
		}
	}
	return c.InterpretableCall.Exec(frame)
}

// check asks the context of the request that an expression is evaluated for.
func check(frame *interpreter.ExecutionFrame) error {
	request, _ := frame.ResolveName(caddyhttp.CELRequestVarName)
	if r, ok := request.(interface{ Context() context.Context }); ok {
		return interrupt.Check(r.Context())
	}
	return nil
}
