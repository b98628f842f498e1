"""The audit without a framework: measurements, causes, fixes and the verdict, from arrays that an adapter hands in."""
