"""Other schedulers, at the work that Tahvil does; `npm ci --ignore-scripts` here installs two."""
