# Caddy with luaroute in an image of its binary alone. It serves /etc/caddy/Caddyfile, and keeps certificates below /data.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
	-ldflags "-s -w -X github.com/luaroute/caddy-luaroute/luaroute/cli.version=$VERSION" -o /root-of-image/usr/bin/caddy ./cmd/caddy
RUN testdata/image/files /root-of-image /of-caddy

FROM scratch
COPY --from=build /root-of-image /
COPY --from=build --chown=65532:65532 /of-caddy /
USER caddy
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
VOLUME ["/data", "/config"]
WORKDIR /etc/caddy
# Ports of 1024 and above need no privilege; publish them as 80 and 443.
EXPOSE 8080 8443 8443/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/bin/caddy", "luaroute", "health"]
ENTRYPOINT ["/usr/bin/caddy"]
CMD ["run", "--config", "/etc/caddy/Caddyfile"]
