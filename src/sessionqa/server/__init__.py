"""The assistant over HTTP: the chat's page, a JSON API, OpenAI's protocol and MCP, in one app.

A request passes the shield (headers), the meter, the gate (who may call) and the limits, and comes
to a route, which hands its question to `answering`.
"""
