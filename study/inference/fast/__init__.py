"""The fast exact fit: the posterior in under a second, by importance sampling.

fit -> proposal -> mixture; target -> likelihood -> kernels.
"""
