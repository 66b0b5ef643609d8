"""Child processes: started, asked, paused, and gone when their parent is."""
