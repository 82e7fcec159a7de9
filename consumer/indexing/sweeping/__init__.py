"""Takes out of the index what the topic no longer holds, where its deletion may never have been read."""
