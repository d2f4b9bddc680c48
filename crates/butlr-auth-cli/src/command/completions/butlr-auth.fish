# Completions of butlr-auth for fish: the program itself says what may stand at the cursor.
function __butlr_auth_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($before[1] complete -- $before[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = ":files"
        __fish_complete_path "$current"
    else if test (count $lines) -gt 0
        printf '%s\n' $lines
    end
end
complete -c butlr-auth -f -a '(__butlr_auth_complete)'
