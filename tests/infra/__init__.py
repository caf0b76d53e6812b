"""Tests of infra/. The ones here need no CDK and read what is committed; `synth/` synthesizes once a session and needs requirements/infra.lock."""
