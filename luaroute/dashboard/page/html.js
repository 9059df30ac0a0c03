// What all views are written with.
import { h } from "./preact.js";
import htm from "./htm.js";

export { Fragment, render } from "./preact.js";
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "./hooks.js";

// Everything between the tags becomes text nodes, so that nothing a client or a script has written becomes markup.
export const html = htm.bind(h);
