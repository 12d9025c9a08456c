# What a controller fills sandboxd's volume from.
FROM scratch
COPY sandboxd interpreter.py /
ENTRYPOINT ["/sandboxd"]
