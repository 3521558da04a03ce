# syntax=docker/dockerfile:1
# The replication daemon. The embedded local world of `dbmazz demo` is optional and left out.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --loglevel=error
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --loglevel=error

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY bin ./bin
COPY proto ./proto
COPY demo/sql ./demo/sql
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
# gRPC and HTTP. Both listen on the container's loopback address unless CONTROL_HOST says otherwise (docs/security.md).
EXPOSE 50051 8080
# Alive, not replicating: a setup that has failed waits to be mended, and a restart would not mend it.
# Replace it when HTTP_PORT is 0 or the control plane speaks TLS.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.HTTP_PORT || 8080) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: the daemon is process 1 and gets the SIGTERM on which it drains.
ENTRYPOINT ["node", "--max-semi-space-size=2", "bin/dbmazz.js"]
CMD ["run"]
