"""The report: one page made from files that the other stages wrote.

One module a question (`scores`, `funnel`, `rates`, `examples`, `costs`, `warnings`) reads files into plain tables;
`collect` joins them; `figures` draws, `page` renders `templates/`. A new section is a module, a template, and its line in
`collect` and `templates/report.html.jinja`.
"""
