# The image from which a controller fills the volume that holds sandboxd.
FROM scratch
COPY sandboxd interpreter.py /
ENTRYPOINT ["/sandboxd"]
