package luaroute

import (
	"errors"

	"go.uber.org/zap"
)

// Events of Caddy's events app.
const (
	eventReloaded = "luaroute.reloaded"
	eventFailed   = "luaroute.reload_failed"
)

// tell reports a reload to the log, the metrics and the events.
func (i *instance) tell(done *reloaded, cause string, err error) {
	if errors.Is(err, errEnded) || errors.Is(err, errMoved) {
		return
	}
	if err != nil {
		i.failed.Add(1)
		i.logger.Error("reload failed, the old routing table serves on", zap.Error(err), zap.String("cause", cause))
		i.app.emit(eventFailed, map[string]any{"instance": i.name, "cause": cause, "error": err.Error()})
		return
	}
	i.reloads.Add(1)
	i.logger.Info("routing table reloaded", append(done.fields(), zap.String("cause", cause), zap.Int("version", done.version))...)
	i.app.emit(eventReloaded, map[string]any{
		"instance": i.name, "cause": cause, "version": done.version, "seconds": done.took.Seconds(),
	})
}

// emit emits an event, if the configuration has the app for it.
func (a *App) emit(name string, data map[string]any) {
	if a.events != nil {
		a.events.Emit(a.ctx, name, data)
	}
}
