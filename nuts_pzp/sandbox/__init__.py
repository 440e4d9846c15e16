"""The simulated region: real keys, real XML, real OPRF, on loopback. Never imports an adapter."""
