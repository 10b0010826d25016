"""The demo model that ships with wattmill: ``model.gguf``, made by ``tools/demo_model``."""
