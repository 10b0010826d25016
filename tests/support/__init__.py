"""What acceptance tests share: a real factory in a temporary folder, and clients that know what they saw.

factory      ``running_factory``: starts ``wattmill up``, kills, stops and restarts it, reads its books
client       ``Connection``: HTTP by hand, so that it is certain which answers came whole
"""
