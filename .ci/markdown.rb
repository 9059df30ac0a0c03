# The rules of mdl that hold for the documents.
all
rule 'MD029', :style => :ordered
exclude_rule 'MD010' # tabs: examples have Go's and Caddy's
exclude_rule 'MD013' # lines of code and tables are long
exclude_rule 'MD031' # comments before a block tell the tests what it needs
exclude_rule 'MD038' # `, ` is a code span
exclude_rule 'MD046' # blocks without a language are indented, as tests look into the others
