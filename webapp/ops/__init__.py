"""Operations: servers, processes, health, backups and the commands that run them."""
