// Package syntax is the syntax tree of a Lua script, for tools that read scripts without running them. script.Parse makes one; Walk visits
// it.
package syntax

// Pos is a position in the text of a script. Both count from 1, Column in bytes.
type Pos struct{ Line, Column int }

// Span is where a node is: from its first byte to after its last.
type Span struct{ Start, End Pos }

// Range returns the span.
func (s Span) Range() Span { return s }

// Comment is a comment of one line, with its dashes. It is in no tree.
type Comment struct {
	Span
	Text string
}

// Node is a statement, an expression, a block or a part of one of them.
type Node interface {
	// Range returns where the node stands.
	Range() Span
	// Children returns the nodes in it, in the order in which they are written.
	Children() []Node
}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

// Block is statements that share a scope. A whole script is one.
type Block struct {
	Span
	Stmts []Stmt
}

// Statements.
type (
	// Assign is `a, b.c = 1, 2`.
	Assign struct {
		Span
		Targets, Values []Expr
	}
	// Local is `local a, b = 1, 2`. Its values do not see its names.
	Local struct {
		Span
		Names  []*Name
		Values []Expr
	}
	// FunctionStmt is `function a.b:c() end`, or `local function a() end`, whose body sees the name.
	FunctionStmt struct {
		Span
		Local bool
		// Target is what the function is assigned to, without the method; Method is that, or nil.
		Target Expr
		Method *Name
		Func   *Function
	}
	// CallStmt is a call as a statement.
	CallStmt struct {
		Span
		Call *Call
	}
	// Do is `do … end`.
	Do struct {
		Span
		Body *Block
	}
	// While is `while a do … end`.
	While struct {
		Span
		Cond Expr
		Body *Block
	}
	// Repeat is `repeat … until a`. The condition sees the names of the body.
	Repeat struct {
		Span
		Body *Block
		Cond Expr
	}
	// If is `if a then … elseif b then … else … end`. Else may be nil.
	If struct {
		Span
		Clauses []*Clause
		Else    *Block
	}
	// Clause is a condition of an If, and what is done then.
	Clause struct {
		Span
		Cond Expr
		Body *Block
	}
	// NumericFor is `for i = 1, 2, 3 do … end`. Step may be nil.
	NumericFor struct {
		Span
		Name               *Name
		Start, Limit, Step Expr
		Body               *Block
	}
	// GenericFor is `for k, v in pairs(t) do … end`.
	GenericFor struct {
		Span
		Names  []*Name
		Values []Expr
		Body   *Block
	}
	// Return is `return a, b`.
	Return struct {
		Span
		Values []Expr
	}
	// Break is `break`.
	Break struct{ Span }
	// Goto is `goto name`.
	Goto struct {
		Span
		Label *Name
	}
	// Label is `::name::`.
	Label struct {
		Span
		Name *Name
	}
)

// Expressions.
type (
	// Name is a variable, or a name that is declared or is a method or a label.
	Name struct {
		Span
		Text string
	}
	// String is a string, without quotes and escapes. The key of `a.b` is one.
	String struct {
		Span
		Value string
	}
	// Number is a number.
	Number struct {
		Span
		Value float64
	}
	// Constant is nil, true or false.
	Constant struct {
		Span
		Text string
	}
	// Varargs is `...`.
	Varargs struct{ Span }
	// Function is `function(a, b, ...) … end`. The self of a method is not among its parameters.
	Function struct {
		Span
		Params []*Name
		Vararg bool
		Body   *Block
	}
	// Table is `{ a, b = 1, [c] = 2 }`.
	Table struct {
		Span
		Fields []*Field
	}
	// Field is one of a Table. Key is nil for an item of the list.
	Field struct {
		Span
		Key, Value Expr
	}
	// Unary is an operator before an operand: not, - or #.
	Unary struct {
		Span
		Op      string
		Operand Expr
	}
	// Binary is an operator between two operands.
	Binary struct {
		Span
		Op          string
		Left, Right Expr
	}
	// Concat is `a .. b .. c`.
	Concat struct {
		Span
		Operands []Expr
	}
	// Index is `a[b]`, or `a.b`.
	Index struct {
		Span
		Object, Key Expr
	}
	// Call is `a(b)`, or `a:b(c)` with a method.
	Call struct {
		Span
		Func   Expr
		Method *Name
		Args   []Expr
	}
	// Paren is `(a)`, which has one value.
	Paren struct {
		Span
		Inner Expr
	}
)

func (*Assign) stmt()       {}
func (*Local) stmt()        {}
func (*FunctionStmt) stmt() {}
func (*CallStmt) stmt()     {}
func (*Do) stmt()           {}
func (*While) stmt()        {}
func (*Repeat) stmt()       {}
func (*If) stmt()           {}
func (*NumericFor) stmt()   {}
func (*GenericFor) stmt()   {}
func (*Return) stmt()       {}
func (*Break) stmt()        {}
func (*Goto) stmt()         {}
func (*Label) stmt()        {}

func (*Name) expr()     {}
func (*String) expr()   {}
func (*Number) expr()   {}
func (*Constant) expr() {}
func (*Varargs) expr()  {}
func (*Function) expr() {}
func (*Table) expr()    {}
func (*Unary) expr()    {}
func (*Binary) expr()   {}
func (*Concat) expr()   {}
func (*Index) expr()    {}
func (*Call) expr()     {}
func (*Paren) expr()    {}
