"""The chat in the browser: a Gradio page, and what it shows as HTML."""

import os

# Gradio would call home, and reads this when it is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
