// The page: navigation, the instance that is shown, and the view of it.
import { html, render, useEffect, useRef } from "./html.js";
import { link, useAddress, useAsked } from "./state.js";
import { Overview } from "./overview.js";
import { Routes } from "./routes.js";
import { Explain } from "./explain.js";
import { Live } from "./live.js";
import { Pools, Tenants } from "./lists.js";
import { Scripts } from "./scripts.js";
import { Graph } from "./graph.js";

const views = { overview: Overview, routes: Routes, explain: Explain, live: Live, pools: Pools, tenants: Tenants, scripts: Scripts, graph: Graph };
const title = (view) => view[0].toUpperCase() + view.slice(1);

function App() {
  const at = useAddress();
  const { value: instances, error } = useAsked("", 5000);
  const heading = useRef();
  const view = views[at.view] ? at.view : "overview";
  const name = at.instance || (instances && instances.length ? instances[0].name : "");
  const instance = instances && instances.find((i) => i.name === name);
  const first = useRef(true);
  useEffect(() => {
    document.title = title(view) + " – luaroute";
    if (!first.current && heading.current) heading.current.focus(); // so that a screen reader says where it is
    first.current = false;
  }, [view]);
  const View = views[view];
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); heading.current?.focus(); }}>Skip to the content</a>
    <header>
      <strong>luaroute</strong>
      ${instances && instances.length > 1 && html`<label>Instance
        <select value=${name} onChange=${(e) => { location.hash = link(view, e.target.value); }}>
          ${instances.map((i) => html`<option key=${i.name} value=${i.name}>${i.name}</option>`)}
        </select></label>`}
      <nav aria-label="Views"><ul>${Object.keys(views).map((v) => html`
        <li key=${v}><a href=${link(v, name)} aria-current=${v === view ? "page" : undefined}>${title(v)}</a></li>`)}
      </ul></nav>
    </header>
    <main id="main">
      <h1 tabindex="-1" ref=${heading}>${title(view)}</h1>
      ${error && html`<p class="bad" role="alert">The server does not answer: ${error}</p>`}
      ${instances && !instance && html`<p class="bad" role="alert">${instances.length ? `There is no instance ${name}.` : "No luaroute handler runs."}</p>`}
      ${instance && html`<${View} key=${view + "/" + name} instance=${instance} params=${at.params} />`}
    </main>
    <footer>Built with Preact and htm: <a href=${here("preact.LICENSE.txt")}>MIT</a>, <a href=${here("htm.LICENSE.txt")}>Apache 2.0</a></footer>`;
}

const here = (file) => new URL(file, import.meta.url).href;

// The command opens the page with a token, which becomes a cookie and leaves the address.
async function enter() {
  const token = new URLSearchParams(location.hash.replace(/^#/, "")).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + "#/overview");
  await fetch("enter", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
}

enter().then(() => render(html`<${App} />`, document.getElementById("app")));
