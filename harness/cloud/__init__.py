"""The modelled AWS: the template's resources at a stand-in, one gateway in front of it, instances, node groups,
autoscaler, spot market, identity and bill.
"""
