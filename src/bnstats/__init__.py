"""bnstats"""
