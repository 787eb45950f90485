function __complete_rwm
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    /usr/bin/rwm
end
complete -f -c rwm -a "(__complete_rwm)"
