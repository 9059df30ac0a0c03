// Package browser has the tests of the dashboard in a browser: Debian's chromium, or another that chromedp finds.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	_ "github.com/luaroute/caddy-luaroute"
	"github.com/luaroute/caddy-luaroute/cmd/internal/e2e"
)

// chrome is the browser of all tests.
var chrome context.Context

func TestMain(m *testing.M) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1280, 800),
		chromedp.WSURLReadTimeout(5*time.Minute), chromedp.Flag("no-proxy-server", true), chromedp.Flag("disable-dev-shm-usage", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	var end context.CancelFunc
	chrome, end = chromedp.NewContext(ctx)
	if err := chromedp.Do(chrome); err != nil {
		fmt.Fprintln(os.Stderr, "no browser:", err)
		os.Exit(1)
	}
	code := m.Run()
	end()
	stop()
	os.Exit(code)
}

// tab is a page of the dashboard.
type tab struct {
	t    testing.TB
	ctx  context.Context
	base string

	mu  sync.Mutex
	bad []string // what no page may do
}

// watching is run in each page before its own scripts: what breaks the policy, and alerts, which only scripts of others would show.
const watching = `window.broken = [];
	document.addEventListener("securitypolicyviolation", (e) => window.broken.push(e.violatedDirective + " " + e.blockedURI));
	window.alert = (text) => window.broken.push("alert " + text);`

// open opens the dashboard at a view.
func open(t testing.TB, base, view string) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(chrome)
	p := &tab{t: t, ctx: ctx, base: base}
	if err := chromedp.Listen(ctx, p.notice); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.clean()
		end()
	})
	call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watching})
	p.run(chromedp.Navigate(base + "#/" + view))
	return p
}

// notice takes note of errors.
func (p *tab) notice(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		p.bad = append(p.bad, fmt.Sprintf("exception: %s %v", event.ExceptionDetails.Text, event.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError && event.Entry.Source != log.EntrySourceNetwork { // some answers are errors
			p.bad = append(p.bad, fmt.Sprintf("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL))
		}
	}
}

// clean checks that the page has done nothing that no page may do.
func (p *tab) clean() {
	p.t.Helper()
	broken := eval[[]string](p, "window.broken")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, what := range append(broken, p.bad...) {
		p.t.Errorf("the page: %s", what)
	}
	p.bad = nil
}

func (p *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// call runs a command of the browser's protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns the value of an expression, or of its promise.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %s", expression, err)
	}
	return value
}

// do runs a statement.
func (p *tab) do(statement string) {
	p.t.Helper()
	p.run(chromedp.Evaluate[chromedp.Void](statement))
}

// click clicks at the first element of a selector.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector)))
}

// clickText clicks at the first link with a text.
func (p *tab) clickText(text string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.Search("//a[contains(., \"" + text + "\")]")))
}

// write writes into a field, as a person does.
func (p *tab) write(selector, text string) {
	p.t.Helper()
	p.run(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// goTo goes to another view.
func (p *tab) goTo(view string) {
	p.t.Helper()
	p.run(chromedp.Navigate(p.base + "#/" + view))
}

// until waits until an expression is true. What it looks at need not be there yet.
func (p *tab) until(expression string) {
	p.t.Helper()
	e2e.Until(p.t, expression, func() bool {
		return eval[bool](p, "(() => { try { return !!("+expression+") } catch { return false } })()")
	})
}

// shows waits until the page has a text.
func (p *tab) shows(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		quoted, _ := json.Marshal(text)
		p.until("document.body.innerText.includes(" + string(quoted) + ")")
	}
}

// press presses keys.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		p.run(chromedp.KeyEvent(key))
	}
}

// tabTo presses the tabulator until an element has the focus, as those do who have no mouse.
func (p *tab) tabTo(selector string) {
	p.t.Helper()
	quoted, _ := json.Marshal(selector)
	for range 100 {
		if eval[bool](p, "document.activeElement.matches("+string(quoted)+")") {
			return
		}
		p.press(kb.Tab)
	}
	p.t.Fatalf("the tabulator does not reach %s", selector)
}

// site is a Caddyfile with a dashboard at /ops/ of a site that routes by main.lua.
func site(dashboard, luaroute string) string {
	return strings.NewReplacer("DASHBOARD", dashboard, "LUAROUTE", luaroute).Replace(`http:// {
		handle_path /ops/* {
			luaroute_dashboard {
				DASHBOARD
			}
		}
		luaroute {
			script $dir/main.lua
			LUAROUTE
		}
	}`)
}
