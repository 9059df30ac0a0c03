package chiproxy

// slips says whether the request, which no route has taken, has a route in the form in which Caddy's path matchers
// compare paths: without case, and with an escaped slash for a slash. Were it handed on, it would pass by a guarded
// prefix that the configuration behind takes it to be under.
func (ex *Exchange) slips() bool {
	folded := caddyPath(ex.R.URL)
	if folded == ex.fullPath && !ex.table.folds {
		return false
	}
	asked := ex.tenants
	candidates := ex.table.folded.find(ex.host, folded, nil)
	for _, c := range candidates {
		rest, ok := below(folded, c.folded)
		if !ok {
			rest = folded
		}
		known := false
		for _, a := range asked {
			known = known || a.tenant == c.tenant
			if !a.onward {
				break
			}
		}
		if ex.slipsInto(c.tenant, rest, known) {
			return true
		}
		if !c.onward {
			break
		}
	}
	return ex.slipsInto(ex.table.base, folded, true)
}

// slipsInto says whether a tenant has more for the folded path than it had for the request's own. known says that it
// was asked for that.
func (ex *Exchange) slipsInto(t *tenant, folded string, known bool) bool {
	own := ""
	if known {
		own, _ = below(ex.fullPath, t.prefix)
	} else if t.rest != nil || t.base.place.notFound != nil {
		return true
	}
	for c := t.layers.find(ex.host); ; {
		l := c.next()
		if l == nil {
			break
		}
		if l.hasHost(ex.host) && (l.mux.foldedHit(&ex.rctx, folded, own) || !known && l.place.notFound != nil) {
			return true
		}
	}
	return t.base.mux.foldedHit(&ex.rctx, folded, own)
}
