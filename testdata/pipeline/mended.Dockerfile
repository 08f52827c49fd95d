# The same shop without a leak: what steps need is mounted while they run, and .dockerignore keeps .env out.
FROM scratch AS tools
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]

FROM tools AS build
RUN --mount=type=secret,id=NPM_TOKEN test -s /run/secrets/NPM_TOKEN && echo "the shop" > /shop

FROM tools
WORKDIR /app
COPY . .
COPY --from=build /shop ./
RUN --mount=type=secret,id=DEPLOY_TOKEN test -s /run/secrets/DEPLOY_TOKEN
CMD ["cat", "/app/shop"]
