owner = None
count = 0
