//! The description of a product: services and their roles, image, database, endpoints, commands.
