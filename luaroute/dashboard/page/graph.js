import { html, useMemo } from "./html.js";
import { of, plural, useAsked } from "./state.js";

const most = 200; // nodes

// Graph draws where requests go: hosts, tenants, scopes, pools.
export function Graph({ instance }) {
  const { value: routes, error } = useAsked(of(instance.name, "routes"));
  const graph = useMemo(() => routes && (layout(routes, false) || layout(routes, true)), [routes]);
  if (error) return html`<p class="bad" role="alert">${error}</p>`;
  if (!graph) return html`<p>…</p>`;
  const { columns, edges, width, height, left } = graph;
  return html`<p>The same is in the tables of <a href="#/routes">routes</a> and <a href="#/pools">pools</a>. ${graph.coarse ? "There are too many scopes to draw, so that tenants stand for them. " : ""}${left ? plural(left, "node") + " are left out." : ""}</p>
    <div class="wide" tabindex="0" role="group" aria-label="Graph, to scroll"><svg class="graph" width=${width} height=${height} viewBox=${"0 0 " + width + " " + height} role="img"
      aria-label=${columns.map((c) => plural(c.nodes.length, c.word)).join(", ")}>
      ${edges.map((e, i) => html`<path key=${i} d=${e} />`)}
      ${columns.flatMap((c) => c.nodes.map((n) => html`<g key=${c.word + n.name} class=${"node " + c.word}>
        <rect x=${n.x} y=${n.y} width=${box} height="24" rx="4" /><text x=${n.x + 8} y=${n.y + 16}>${cut(n.label)}</text><title>${n.label}</title></g>`))}
    </svg></div>`;
}

const box = 180, gap = 70, row = 34;
const cut = (text) => (text.length > 24 ? text.slice(0, 23) + "…" : text);

// layout places the nodes in columns. Coarse leaves out scopes; undefined says that there are too many nodes.
function layout(routes, coarse) {
  const words = coarse ? ["client", "host", "tenant", "target"] : ["client", "host", "tenant", "scope", "target"];
  const columns = words.map((word) => ({ word, byName: new Map(), nodes: [] }));
  const links = new Map();
  let left = 0;
  const node = (column, name, label) => {
    const c = columns[column];
    let n = c.byName.get(name);
    if (!n) {
      n = { name, label };
      c.byName.set(name, n);
      if (coarse && c.nodes.length >= most / words.length) left++;
      else c.nodes.push(n);
    }
    return n;
  };
  for (const r of routes) {
    const tenant = r.tenant || "";
    const segments = r.pattern.split("/");
    const scope = "/" + (segments.length > 2 ? segments[1] : "");
    const target = r.action.kind + " " + (r.action.kind === "proxy" || r.action.kind === "handler" ? r.action.text || "" : "");
    for (const host of r.hosts && r.hosts.length ? r.hosts.slice(0, 5) : ["all hosts"]) {
      const path = [node(0, "client", "client"), node(1, host, host), node(2, tenant, tenant || "(default tenant)")];
      if (!coarse) path.push(node(3, tenant + " " + scope, scope));
      path.push(node(words.length - 1, target, target.replace(/^proxy /, "pool ").trim()));
      for (let i = 1; i < path.length; i++) links.set(i + "\0" + path[i - 1].name + "\0" + path[i].name, [path[i - 1], path[i]]);
    }
  }
  if (!coarse && columns.reduce((n, c) => n + c.nodes.length, 0) > most) return undefined;
  const tallest = Math.max(...columns.map((c) => c.nodes.length), 1);
  columns.forEach((c, i) => c.nodes.forEach((n, j) => {
    n.x = 4 + i * (box + gap);
    n.y = 4 + ((tallest - c.nodes.length) / 2 + j) * row;
  }));
  const edges = [...links.values()].filter(([a, b]) => a.x !== undefined && b.x !== undefined).map(([a, b]) => {
    const x1 = a.x + box, y1 = a.y + 12, x2 = b.x, y2 = b.y + 12, half = (x1 + x2) / 2;
    return `M${x1} ${y1}C${half} ${y1} ${half} ${y2} ${x2} ${y2}`;
  });
  return { columns, edges, coarse, left, width: columns.length * (box + gap) - gap + 8, height: tallest * row + 8 };
}
