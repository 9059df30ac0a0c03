// A table that draws only the rows that are seen, for as many rows as there are.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

const height = 32; // of a row, as in style.css
const more = 8; // rows above and below those that are seen

// Table shows rows. columns are { name, of(row), class }; open is called with the row that is chosen. The arrow keys move, Enter chooses.
export function Table({ label, columns, rows, open, opened, rowKey }) {
  const box = useRef();
  const [top, setTop] = useState(0);
  const [room, setRoom] = useState(600);
  const [active, setActive] = useState(-1);
  useLayoutEffect(() => setRoom(box.current.clientHeight || 600), []);
  useEffect(() => {
    const resized = () => box.current && setRoom(box.current.clientHeight);
    addEventListener("resize", resized);
    return () => removeEventListener("resize", resized);
  }, []);
  useLayoutEffect(() => { // before a key can be pressed
    setActive(-1);
    box.current.scrollTop = 0;
    setTop(0);
  }, [rows.length]);
  const first = Math.max(0, Math.floor(top / height) - more);
  const last = Math.min(rows.length, Math.ceil((top + room) / height) + more);
  const move = (to) => {
    to = Math.max(0, Math.min(rows.length - 1, to));
    setActive(to);
    const at = to * height, b = box.current, head = height;
    if (at < b.scrollTop) b.scrollTop = at;
    else if (at + height > b.scrollTop + b.clientHeight - head) b.scrollTop = at + height - b.clientHeight + head;
    setTop(b.scrollTop);
  };
  const page = Math.max(1, Math.floor(room / height) - 2);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
  const onKeyDown = (e) => {
    if (e.target !== box.current) return;
    if (e.key in steps) move(active < 0 && steps[e.key] > 0 && e.key !== "End" ? 0 : active + steps[e.key]);
    else if (e.key === "Enter" && rows[active]) open(rows[active]);
    else return;
    e.preventDefault();
  };
  const id = (i) => "row-" + i;
  const shown = [];
  for (let i = first; i < last; i++) {
    const row = rows[i], key = rowKey(row);
    shown.push(html`<tr key=${key} id=${id(i)} aria-rowindex=${i + 2} aria-selected=${opened === key ? "true" : "false"} class=${(i === active ? "active " : "") + (i % 2 ? "odd" : "")}
      onClick=${() => { setActive(i); open(row); }}>${columns.map((c) => html`<td key=${c.name} class=${c.class}>${c.of(row)}</td>`)}</tr>`);
  }
  return html`<div class="box" ref=${box} tabindex="0" role="group" aria-label=${label + ", with the arrow keys and Enter"}
      aria-activedescendant=${active >= first && active < last ? id(active) : undefined}
      onKeyDown=${onKeyDown} onScroll=${(e) => setTop(e.currentTarget.scrollTop)}>
    <table aria-label=${label} aria-rowcount=${rows.length + 1}>
      <thead><tr aria-rowindex="1">${columns.map((c) => html`<th key=${c.name} scope="col" class=${c.class}>${c.name}</th>`)}</tr></thead>
      <tbody>
        <tr aria-hidden="true" class="space"><td colspan=${columns.length} style=${{ height: first * height + "px" }}></td></tr>
        ${shown}
        <tr aria-hidden="true" class="space"><td colspan=${columns.length} style=${{ height: (rows.length - last) * height + "px" }}></td></tr>
      </tbody>
    </table></div>`;
}
