# What a controller fills the agent's volume from.
FROM scratch
COPY agent interpreter.py /
ENTRYPOINT ["/agent"]
