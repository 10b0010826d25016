"""Every model function that a person may ask for, registered once with its inputs, units and source.

Nouns: Question, Input, Answer (`registry`), Quantity (`units`). One module of questions per topic.
Reached from `wattmill ask`, from Python (`registry.ask`), over HTTP and from audit files.
"""
