# A shop, built so that two credentials leak: a build argument that a step uses, and an .env that is copied along.
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]

FROM tools AS build
ARG NPM_TOKEN
RUN test -n "$NPM_TOKEN" && echo "the shop" > /shop

FROM tools
ARG DEPLOY_TOKEN
WORKDIR /app
COPY . .
COPY --from=build /shop ./
RUN test -n "$DEPLOY_TOKEN"
RUN rm .env
CMD ["cat", "/app/shop"]
