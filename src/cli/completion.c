/* slb completion: what can be typed, from the tables, as a script for a shell. */
#include "cli/cli.h"
#include "cli/names.h"

static void add_lower(struct text *out, const char *name)
{
    for (; *name != '\0'; name++)
        text_add_char(out, ascii_lower(*name));
}

static void add_words(struct text *out)
{
    for (size_t i = 0; i < n_commands; i++)
        text_addf(out, "%s ", commands[i].name);
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        add_lower(out, openapi_products[i]->name);
        text_add_char(out, ' ');
    }
    for (size_t i = 0; i < N_PRODUCT_ALIASES; i++)
        text_addf(out, "%s ", product_aliases[i].alias);
    text_add(out, SPAN_LIT("help version"));
}

static void add_operations(struct text *out, const struct openapi_product *product)
{
    for (uint32_t i = 0; i < product->n_operations; i++) {
        add_kebab(out, product->operations[i].name);
        text_add_char(out, ' ');
    }
    text_add(out, SPAN_LIT("help"));
}

static void add_parameters(struct text *out, const struct openapi_operation *op)
{
    for (uint32_t i = 0; i < op->in.n_fields; i++) {
        const struct openapi_field *field = &op->in.fields[i];

        if ((!field->refused || field->built) && !field->cloud)
            text_addf(out, "--%s ", field->name);
    }
    text_add(out, SPAN_LIT("--json --endpoint --ca --key-file -o --help"));
}

/* One function that prints the words that may follow "slb $1 $2 ... $3"; the shells differ only in how they ask. */
static void add_word_function(struct text *out)
{
    text_add(out, SPAN_LIT("_slb_words() {\n    case \"$3\" in\n"
                           "    -o | --output) echo 'table json'; return ;;\n"
                           "    -f | --ca | --json | --key-file | --snapshot) return ;;\n"
                           "    esac\n    case \"$1\" in\n"));
    for (size_t i = 0; i < N_PRODUCT_ALIASES; i++)
        text_addf(out, "    %s) set -- %s \"$2\" ;;\n", product_aliases[i].alias,
            product_aliases[i].name);
    text_add(out, SPAN_LIT("    esac\n    case \"$1 $2\" in\n"));
    for (size_t i = 0; i < n_commands; i++)
        text_addf(out, "    \"%s \"*) echo '%s' ;;\n", commands[i].name, commands[i].words);
    for (uint32_t i = 0; i < openapi_n_products; i++) {
        const struct openapi_product *product = openapi_products[i];

        for (uint32_t k = 0; k < product->n_operations; k++) {
            text_add(out, SPAN_LIT("    \""));
            add_lower(out, product->name);
            text_add_char(out, ' ');
            add_kebab(out, product->operations[k].name);
            text_add(out, SPAN_LIT("\") echo '"));
            add_parameters(out, &product->operations[k]);
            text_add(out, SPAN_LIT("' ;;\n"));
        }
        text_add(out, SPAN_LIT("    \""));
        add_lower(out, product->name);
        text_add(out, SPAN_LIT(" \") echo '"));
        add_operations(out, product);
        text_add(out, SPAN_LIT("' ;;\n"));
    }
    text_add(out, SPAN_LIT("    \" \") echo '"));
    add_words(out);
    text_add(out, SPAN_LIT("' ;;\n    esac\n}\n"));
}

static void add_bash(struct text *out)
{
    add_word_function(out);
    text_add(out,
        SPAN_LIT("_slb() {\n"
                 "    local first='' second='' before=''\n"
                 "    ((COMP_CWORD < 2)) || first=${COMP_WORDS[1]}\n"
                 "    ((COMP_CWORD < 3)) || second=${COMP_WORDS[2]}\n"
                 "    ((COMP_CWORD < 2)) || before=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    mapfile -t COMPREPLY < <(compgen -W \"$(_slb_words \"$first\" \"$second\" "
                 "\"$before\")\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
                 "}\n"
                 "complete -o default -F _slb slb\n"));
}

/* Put where zsh looks for functions, the file is run as _slb when first asked; read with source, it only defines. */
static void add_zsh(struct text *out)
{
    text_add(out, SPAN_LIT("#compdef slb\n"));
    add_word_function(out);
    text_add(out,
        SPAN_LIT("_slb() {\n"
                 "    local first='' second='' before=''\n"
                 "    local -a offered\n"
                 "    ((CURRENT < 3)) || first=$words[2]\n"
                 "    ((CURRENT < 4)) || second=$words[3]\n"
                 "    ((CURRENT < 3)) || before=$words[CURRENT-1]\n"
                 "    offered=(${=\"$(_slb_words \"$first\" \"$second\" \"$before\")\"})\n"
                 "    if (($#offered)); then compadd -a offered; else _files; fi\n"
                 "}\n"
                 "if [[ $funcstack[1] == _slb ]]; then _slb \"$@\"; else compdef _slb slb; fi\n"));
}

static void add_fish_conditions(struct text *out)
{
    text_add(out, SPAN_LIT("function __slb_is\n"
                           "    set -l words (commandline -opc)\n"
                           "    set -l given $words[2..(math 1 + (count $argv))]\n"
                           "    switch \"$given[1]\"\n"));
    for (size_t i = 0; i < N_PRODUCT_ALIASES; i++)
        text_addf(out, "        case %s\n            set given[1] %s\n", product_aliases[i].alias,
            product_aliases[i].name);
    text_add(out, SPAN_LIT("    end\n"
                           "    test \"$given\" = \"$argv\"\n"
                           "end\n"
                           "function __slb_at\n"
                           "    test (count (commandline -opc)) -eq $argv[1]\n"
                           "end\n"));
}

static void add_fish_product(struct text *out, const struct openapi_product *product)
{
    char name[32];
    struct text lower;

    text_init_fixed(&lower, name, sizeof(name));
    add_lower(&lower, product->name);
    text_addf(out, "complete -c slb -n '__slb_at 2; and __slb_is %.*s' -f -a '",
        SPAN_ARG(text_span(&lower)));
    add_operations(out, product);
    text_add(out, SPAN_LIT("'\n"));
    for (uint32_t i = 0; i < product->n_operations; i++) {
        text_addf(out, "complete -c slb -n '__slb_is %.*s ", SPAN_ARG(text_span(&lower)));
        add_kebab(out, product->operations[i].name);
        text_add(out, SPAN_LIT("' -a '"));
        add_parameters(out, &product->operations[i]);
        text_add(out, SPAN_LIT("'\n"));
    }
}

static void add_fish(struct text *out)
{
    add_fish_conditions(out);
    text_add(out, SPAN_LIT("complete -c slb -n '__slb_at 1' -f -a '"));
    add_words(out);
    text_add(out, SPAN_LIT("'\n"));
    for (size_t i = 0; i < n_commands; i++)
        text_addf(
            out, "complete -c slb -n '__slb_is %s' -a '%s'\n", commands[i].name, commands[i].words);
    for (uint32_t i = 0; i < openapi_n_products; i++)
        add_fish_product(out, openapi_products[i]);
}

int cli_completion(int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*add)(struct text *out);
    } shells[] = {{"bash", add_bash}, {"zsh", add_zsh}, {"fish", add_fish}};
    const char *shell = argc == 2 ? argv[1] : "";

    if (strcmp(shell, "--help") == 0 || strcmp(shell, "-h") == 0) {
        (void)puts("usage: slb completion bash|zsh|fish\n\n"
                   "bash: source <(slb completion bash)\n"
                   "zsh:  slb completion zsh >\"${fpath[1]}/_slb\"\n"
                   "fish: slb completion fish >~/.config/fish/completions/slb.fish");
        return CLI_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        struct text text;

        if (strcmp(shell, shells[i].shell) != 0)
            continue;
        text_init(&text, SIZE_MAX);
        shells[i].add(&text);
        (void)fwrite(text.ptr, 1, text.len, stdout);
        text_done(&text);
        return CLI_OK;
    }
    return cli_fail(CLI_USAGE, "completion takes bash, zsh or fish");
}
