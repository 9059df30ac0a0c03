package script

import "testing"

func TestAScriptIsCompiledOnceAsLongAsLoadsUseIt(t *testing.T) {
	t.Parallel()
	var p Programs
	compile := func(name, src string) *Program {
		program, err := p.Compile(name, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		return program
	}
	first := compile("main.lua", "return 1")
	if compile("main.lua", "return 1") != first {
		t.Error("compiled twice in one load")
	}
	for range 3 {
		p.Turn()
		if compile("main.lua", "return 1") != first {
			t.Error("compiled anew by the next load")
		}
	}
	if other := compile("other.lua", "return 1"); other == first || other.Name != "other.lua" {
		t.Error("a program has the name of another")
	}
	if compile("main.lua", "return 2") == first {
		t.Error("a changed script is the old program")
	}
	p.Turn()
	p.Turn()
	if compile("main.lua", "return 1") == first {
		t.Error("a program that no load uses is still there")
	}
	for range 2 {
		if _, err := p.Compile("main.lua", []byte("return return")); err == nil {
			t.Error("a wrong script compiles")
		}
	}
	if program, err := (*Programs)(nil).Compile("main.lua", []byte("return 1")); err != nil || program == first {
		t.Errorf("nobody's program is %p, %v", program, err)
	}
}
