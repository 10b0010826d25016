"""Other people's files about a model, read into the fields of a ModelSpec.

config         one object of a config.json, and errors that name file, key and value
architectures  what a configuration of each `model_type` leaves out
decoders       transformers, by the words that are there; hybrids, encoders: those with words of their own
precision      how the published weights are stored
hf             a whole config.json; gguf: the head of a GGUF file; mixers: weights of recurrent layers
"""
