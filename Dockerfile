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
EXPOSE 50051
# Exec form: the daemon is process 1 and gets the SIGTERM on which it drains.
ENTRYPOINT ["node", "--max-semi-space-size=2", "bin/dbmazz.js"]
CMD ["run"]
