complete -o default -C /usr/bin/rwm rwm
